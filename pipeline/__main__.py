"""`python -m pipeline`: see `pipeline.cli`."""

from pipeline.system.sigint import interruptible_loading

if __name__ == "__main__":
    with interruptible_loading():
        from pipeline.cli import main
    main()
