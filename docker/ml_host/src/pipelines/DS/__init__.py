"""The data scientists' pipelines: from the datamart to a model in the registry."""
