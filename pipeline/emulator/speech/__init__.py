"""The models on this machine: speech detection, recognition and synthesis, and their texts."""
