"""Parts of scripts.tools.fuzz: mutations of files, the commands that read them, their processes."""
