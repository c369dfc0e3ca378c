# syntax=docker/dockerfile:1
# The service on Debian 12 with SoftHSM2. SoftHSM keeps keys in files: this image is for development and trials. For
# production put your HSM's PKCS#11 module in the place of libsofthsm2.so (docs/configuration.md).

FROM rust:1-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# rust-toolchain.toml asks for components that a build does not need; without it the toolchain of the image is used. The
# caches are no part of any layer, so the binary is taken out of them in the same step.
RUN --mount=type=cache,target=/source/target --mount=type=cache,target=/usr/local/cargo/registry \
    rm rust-toolchain.toml \
    && cargo build --release --locked --package strongroom --bin strongroom \
    && install -D --mode 0755 target/release/strongroom /out/strongroom

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq5 softhsm2 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 strongroom \
    && useradd --uid 10001 --gid strongroom --no-create-home --home-dir /var/lib/strongroom --shell /usr/sbin/nologin strongroom \
    # A new volume takes over owner and mode of the folder that it covers.
    && install --directory --owner strongroom --group strongroom --mode 0700 /var/lib/strongroom
COPY --from=build /out/strongroom /usr/local/bin/strongroom
COPY softhsm /usr/local/share/strongroom/softhsm
COPY docker/health.sh /usr/local/bin/strongroom-health
COPY docker/strongroom.toml /etc/strongroom/strongroom.toml

USER strongroom
WORKDIR /var/lib/strongroom
VOLUME /var/lib/strongroom
# SoftHSM reads this from the environment of the process; softhsm/init-token.sh writes the file.
ENV SOFTHSM2_CONF=/var/lib/strongroom/hsm/softhsm2.conf
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["strongroom-health"]
ENTRYPOINT ["strongroom"]
CMD ["serve", "--config", "/etc/strongroom/strongroom.toml"]
