"""What a training script needs of azureml.core to report its metrics to Lockstep; the rest needs Azure, and says so."""
from azureml.core._needs_azure import NeedsAzure
from azureml.core.run import Run

__all__ = ["Run"]

_IN_AZURE = {"ComputeTarget", "Dataset", "Datastore", "Environment", "Experiment", "Keyvault", "Model", "ScriptRunConfig", "Workspace"}


def __getattr__(name):
    if name in _IN_AZURE:
        return NeedsAzure("azureml.core." + name)
    raise AttributeError("module 'azureml.core' has no attribute '{}'".format(name))
