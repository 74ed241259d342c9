# A node on Debian 12. The first stage builds it as a person would; the second has only what runs.

FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /usr/src/peal
COPY . .
RUN scripts/setup --no-tests && DESTDIR=/out meson install -C build --no-rebuild

FROM debian:12-slim
RUN apt-get update \
	&& apt-get install -y --no-install-recommends \
		ca-certificates libcjson1 libcurl4 libevent-core-2.1-7 libevent-extra-2.1-7 \
		libhiredis0.14 libhttp-parser2.9 libssl3 libuv1 libwebsockets17 libwebsockets-evlib-uv zlib1g \
	&& rm -rf /var/lib/apt/lists/* \
	&& useradd --system --no-create-home --shell /usr/sbin/nologin peal
COPY --from=build /out/ /
RUN ldconfig
USER peal
# Inside a container the listener has to be reachable from outside of it.
ENV PEAL_HOST=0.0.0.0
EXPOSE 3000
STOPSIGNAL SIGTERM
ENTRYPOINT ["peal"]
CMD ["serve"]
