"""Reading images: folders and zips, strict decoding, orientation, reduced sizes."""
