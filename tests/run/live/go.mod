module flightspan/tests/run/live

go 1.25
