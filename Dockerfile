# One image for the service (serve, the default), the model downloader (model pull) and the chat (chat):
#
#     docker build -t swe-agent .
#
# Both stages take another base: --build-arg BUILD_IMAGE=… --build-arg RUN_IMAGE=…, for a registry of your own. A program
# that exists already takes the place of the first stage: --build-context build=DIR, with swe-agent in DIR/program.
ARG BUILD_IMAGE=swift:6.3-bookworm
ARG RUN_IMAGE=debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libsqlite3-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# In a layer of their own, so that a change of the sources does not fetch the packages again.
COPY Package.swift ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
# No Swift is needed where it runs, and symbols are half of the file.
RUN swift build --configuration release --product swe-agent --static-swift-stdlib -Xlinker -s \
    && install -D .build/release/swe-agent /program/swe-agent

FROM ${RUN_IMAGE}
# Security updates of the distribution are wanted, whatever their version.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        bash bubblewrap ca-certificates git libsqlite3-0 libstdc++6 openssh-client python3 \
        python3-venv ripgrep tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 1000 agent \
    && useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash agent \
    && install -d -o agent -g agent /data
COPY --from=build /program/swe-agent /usr/local/bin/swe-agent
# In a container the network around it is its own; the service asks for a token there.
ENV LANG=C.UTF-8 \
    SWE_AGENT_HOST=0.0.0.0 \
    SWE_AGENT_DATA=/data \
    SWE_AGENT_WORKSPACE=/data/workspace
WORKDIR /home/agent
USER 1000:1000
EXPOSE 8000
# tini reaps what commands of tasks leave behind; signals go through it.
ENTRYPOINT ["/usr/bin/tini", "--", "swe-agent"]
CMD ["serve"]
