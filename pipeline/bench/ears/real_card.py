from pipeline.bench.ears.options import EarsOptions


def run(options: EarsOptions) -> int:
    raise NotImplementedError
