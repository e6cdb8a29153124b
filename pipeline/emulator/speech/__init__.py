"""The models: speech detection, recognition and synthesis; and text made ready to be spoken."""
