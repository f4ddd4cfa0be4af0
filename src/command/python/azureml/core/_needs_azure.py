"""What there is in Azure alone: it may be imported and passed around, and tells why it cannot be used."""


class NeedsAzure(object):
    def __init__(self, what):
        self.__dict__["_what"] = what

    def _refuse(self):
        raise AttributeError("{} needs Azure: this runs as a trial of Lockstep, with a stand-in for azureml-core that "
                             "has Run alone. Install azureml-core to use it".format(self._what))

    def __getattr__(self, name):
        self._refuse()

    def __call__(self, *args, **kwargs):
        self._refuse()

    def __repr__(self):
        return "<{}: needs Azure>".format(self._what)
