operator-title = Operator
