module flightspan/tests/run/recorder

go 1.25
