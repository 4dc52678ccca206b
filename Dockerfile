# Three stages: one builds, one holds the debug symbols, and the last, which is the image, holds the program alone.
#   docker build -t hotline .
#   docker build --target symbols --output symbols .     # hotline.debug, for a debugger or a symbolised backtrace
FROM rust:1.95-bookworm AS build
# The image's own compiler, without the components rust-toolchain.toml adds for development.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
# The dependencies, with an empty program: this layer is built again only when one of these files changes.
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
RUN mkdir -p src benches tests/it tests/sim tests/interop tests/survive \
 && touch src/lib.rs \
 && for file in src/main.rs benches/core.rs tests/it/main.rs tests/sim/main.rs tests/interop/main.rs tests/survive/main.rs; do \
      echo 'fn main() {}' > "$file"; \
    done \
 && cargo build --release --locked --bin hotline
# The program. What was built empty is older than this by the clock only when it is touched.
COPY configs configs
COPY src src
ARG HOTLINE_REVISION=unknown
RUN touch src/lib.rs src/main.rs \
 && HOTLINE_REVISION="$HOTLINE_REVISION" cargo build --release --locked --bin hotline \
 && objcopy --only-keep-debug target/release/hotline hotline.debug \
 && objcopy --strip-unneeded --add-gnu-debuglink=hotline.debug target/release/hotline hotline

FROM scratch AS symbols
COPY --from=build /src/hotline.debug /

FROM debian:bookworm-slim
# The authorities by which peers are believed that we connect to by TLS.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --user-group --home-dir /var/lib/hotline --create-home --shell /usr/sbin/nologin hotline \
 && install -d -o hotline -g hotline -m 0700 /var/lib/hotline
COPY --from=build /src/hotline /usr/local/bin/hotline
COPY packaging/docker/hotline.toml /etc/hotline/hotline.toml
ENV HOTLINE_CONFIG=/etc/hotline/hotline.toml
USER hotline
WORKDIR /var/lib/hotline
VOLUME /var/lib/hotline
# SIP, gRPC, health and metrics, and RTP: media.ports.
EXPOSE 5060/udp 5060/tcp 50051/tcp 8080/tcp 16384-16783/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["hotline", "health"]
# SIGTERM drains: `docker stop --time 150` gives live calls the time of limits.drain.
STOPSIGNAL SIGTERM
ENTRYPOINT ["hotline"]
CMD ["serve"]
