# How many calls come too early is a matter of time.
/not even tried/d
