module otlpserver

go 1.25
