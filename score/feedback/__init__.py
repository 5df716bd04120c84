"""What operators say about alerts and moments, in a list that training reads; and what to ask them."""
