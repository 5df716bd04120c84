"""Which videos there are: lists, labels and anomaly spans of the published data sets and of one's own."""
