from pipeline.ears.blocks import Cancelled
from pipeline.pcm import Samples

class LinearCanceller:
    def cancel(self, microphone: Samples, reference: Samples) -> Cancelled: ...

def peak(samples: Samples) -> int: ...
