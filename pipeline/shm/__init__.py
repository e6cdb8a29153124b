"""Everything whose memory order matters: reviewing this folder is reviewing the hard part."""
