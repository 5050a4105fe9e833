module otlpserver

go 1.19
