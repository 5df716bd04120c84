"""From stored segments to the instances of a bag; numpy only, because processes that read stores load no torch."""
