"""What the recipes need beyond the models of mmdet."""
