"""Downloads the official challenge files, resumes broken transfers and checks the digests."""
