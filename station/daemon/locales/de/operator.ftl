operator-title = Betreuung
