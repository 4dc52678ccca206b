# Two stages: one with the compiler, one with the program alone.
FROM rust:1.95-bookworm AS build
# The image's own compiler, without the components rust-toolchain.toml adds for development.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin hotline

FROM debian:bookworm-slim
RUN useradd --system --user-group --home-dir /var/lib/hotline --create-home --shell /usr/sbin/nologin hotline \
 && install -d -o hotline -g hotline -m 0700 /var/lib/hotline
COPY --from=build /src/target/release/hotline /usr/local/bin/hotline
COPY configs/hotline.toml /etc/hotline/hotline.toml
USER hotline
WORKDIR /var/lib/hotline
VOLUME /var/lib/hotline
# SIP, gRPC, health and metrics. RTP takes the range media.ports: publish it too, or use --network host.
EXPOSE 5060/udp 5060/tcp 50051/tcp 8080/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["hotline", "health", "--config", "/etc/hotline/hotline.toml"]
# SIGTERM drains: `docker stop --time 150` gives live calls the time of limits.drain.
STOPSIGNAL SIGTERM
ENTRYPOINT ["hotline"]
CMD ["serve", "--config", "/etc/hotline/hotline.toml"]
