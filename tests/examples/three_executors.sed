# On a loaded machine the times may come in another order.
s/, each time faster$//
s/, and not as fast as hoped$//
