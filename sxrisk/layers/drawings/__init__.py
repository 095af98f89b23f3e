"""CAD drawings, and mine plans as a layer of worked areas."""
