"""Jobs on goafs, for the commands and for the stages of a run."""
