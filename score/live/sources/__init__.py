"""Where frames come from: files, folders that grow, network streams, webcams."""
