# The example service: static, so that any base will do.
ARG GO=golang:1.26-bookworm
ARG BASE=debian:bookworm-slim

FROM ${GO} AS build
WORKDIR /src
COPY deploy/example ./
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /out/usr/bin/orders . \
	&& install -d -m 2770 -o 65532 -g 65532 /out/run/flightspan

FROM ${BASE}
COPY --from=build /out /
USER 65533:65532
ENTRYPOINT ["/usr/bin/orders"]
