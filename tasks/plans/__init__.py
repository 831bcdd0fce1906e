"""The plans of experiments, sweeps and studies: their steps, each with its inputs."""
