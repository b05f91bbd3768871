"""One private SLURM for all tests of this folder, and the few runs on it that they look at."""

from dataclasses import dataclass

import pytest

from cluster.cluster_clone import ClusterClone, study
from cluster.crowd_story import CrowdStory
from cluster.fault_story import FaultStory
from cluster.private_slurm import PrivateSlurm, SlurmJob


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """The cluster, up and idle."""
    private = PrivateSlurm(tmp_path_factory.mktemp("slurm"))
    try:
        private.start()
        yield private
    finally:
        private.stop()


@pytest.fixture(scope="session")
def new_clone(slurm, tmp_path_factory):
    """Makes a clone with the study; all clones share one store of finished results."""
    store = tmp_path_factory.mktemp("store")

    def make(name):
        clone = ClusterClone(tmp_path_factory.mktemp(name), slurm, store)
        clone.write_config(study(clone.config))
        return clone

    return make


@dataclass(frozen=True)
class Finished:
    """A study that has run to the end."""

    clone: ClusterClone
    said: str
    """What Snakemake said."""
    jobs: list[SlurmJob]
    """All jobs that it took."""


@pytest.fixture(scope="session")
def finished(new_clone):
    """The study, run to the end on the cluster."""
    clone = new_clone("first")
    running = clone.start("study", "--verbose")
    said = running.wait(seconds=480)
    assert running.process.returncode == 0, said
    return Finished(clone, said, clone.jobs())


@pytest.fixture(scope="session")
def second(finished, new_clone):
    """Another clone of the same study, its trainings under way."""
    clone = new_clone("second")
    return clone, clone.start("trainings", *clone.trained("base", "nfm", "pair"))


@pytest.fixture(scope="session")
def crowd(second):
    """What becomes of the second clone's study meanwhile; it has happened where `story` has."""
    clone, running = second
    said = running.wait(seconds=300)
    assert running.process.returncode == 0, said
    return CrowdStory(clone)


@pytest.fixture(scope="session")
def story(finished, crowd):
    """What becomes of the first clone's study when everything happens to it."""
    return FaultStory(finished.clone, crowd)
