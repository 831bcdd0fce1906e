"""Training: one stage of fine-tuning, as a child process that resumes after a kill."""
