"""What happens around training and testing: reports, images, provenance."""
