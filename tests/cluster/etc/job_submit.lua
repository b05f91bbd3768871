-- What a site with accounting does: jobs in the partition `charged` need an account, and only `physics` is one.
function slurm_job_submit(job, partitions, user)
   if job.partition == "charged" and job.account ~= "physics" then
      return slurm.ESLURM_INVALID_ACCOUNT
   end
   return slurm.SUCCESS
end

function slurm_job_modify(job, record, partitions, user)
   return slurm.SUCCESS
end
