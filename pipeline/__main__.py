"""`python -m pipeline`: see `pipeline.cli`."""

from pipeline.system.signals import interruptible_loading

if __name__ == "__main__":
    with interruptible_loading():
        from pipeline.cli import main
    main()
