"""What happens around training and testing: reports, pictures, provenance."""
