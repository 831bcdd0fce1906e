"""gner_core: named entity recognition by generation, as a plain library.

Owns everything that knows what an entity, a prompt, a checkpoint or a score is.
Knows nothing of Prefect or MLflow: `tasks` and `flows` bring those in.
"""
