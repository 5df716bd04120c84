"""Where alerts go: a file, a webhook, MQTT, metrics. Each has its own thread, so that no camera waits."""
