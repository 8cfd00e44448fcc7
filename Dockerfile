# An image per service, each with the dependencies of its own extra only, in the versions and with the hashes of uv.lock:
#   docker build --target api --tag ownstack-api .
# All else is in docs/howto/docker-compose.md.
ARG PYTHON=python:3.13-slim-trixie

# ---- What builds; nothing of it is in an image but what is copied from /opt/ownstack.
FROM ${PYTHON} AS build
# An index of your own, if you have one: --build-arg PIP_INDEX_URL=… --build-arg UV_DEFAULT_INDEX=…
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never PATH=/build/bin:$PATH
WORKDIR /source
COPY docker/build.txt docker/
RUN python -m venv /build && pip install --quiet --require-hashes --requirement docker/build.txt
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY docker/install docker/

FROM build AS wheel
COPY bus bus
COPY cli cli
COPY contracts/ownstack_contracts contracts/ownstack_contracts
COPY examples examples
COPY readmodel readmodel
COPY services services
COPY vault vault
RUN uv build --quiet --wheel --no-build-isolation --python /build/bin/python --out-dir /dist

FROM build AS build-api
RUN docker/install dependencies api kafka postgres
COPY --from=wheel /dist /dist
RUN docker/install wheel

FROM build AS build-promoter
RUN docker/install dependencies promoter kafka
COPY --from=wheel /dist /dist
RUN docker/install wheel

FROM build AS build-deployer
RUN docker/install dependencies deployer kafka postgres
COPY --from=wheel /dist /dist
RUN docker/install wheel

FROM build AS build-projections
RUN docker/install dependencies projections kafka postgres
COPY --from=wheel /dist /dist
RUN docker/install wheel

FROM build AS build-cli
RUN docker/install dependencies kafka
COPY --from=wheel /dist /dist
RUN docker/install wheel

# ---- What runs: a user without rights, and folders for the volumes that it may write to.
FROM ${PYTHON} AS run
RUN groupadd --gid 10001 ownstack \
    && useradd --uid 10001 --gid ownstack --no-create-home --home-dir /var/lib/ownstack --shell /usr/sbin/nologin ownstack \
    && install -d -o ownstack -g ownstack -m 750 /var/lib/ownstack /var/lib/ownstack/deployer \
    && install -d -o ownstack -g ownstack -m 750 /run/ownstack /run/ownstack/secrets /run/ownstack/superuser /run/ownstack/stacks
COPY --chmod=755 docker/health.py /usr/local/lib/ownstack/health.py
ENV PATH=/opt/ownstack/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/ownstack
STOPSIGNAL SIGTERM

# A service: it says how it is at OWNSTACK_HEALTH_PORT.
FROM run AS service
ENV OWNSTACK_HEALTH_HOST=0.0.0.0 OWNSTACK_HEALTH_PORT=8701
EXPOSE 8701
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "-S", "/usr/local/lib/ownstack/health.py"]

FROM run AS api
ENV OWNSTACK_API_HOST=0.0.0.0 OWNSTACK_API_PORT=8700
EXPOSE 8700
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "-S", "/usr/local/lib/ownstack/health.py"]
COPY --from=build-api /opt/ownstack /opt/ownstack
CMD ["ownstack", "serve", "api"]

FROM service AS promoter
COPY --from=build-promoter /opt/ownstack /opt/ownstack
CMD ["ownstack", "serve", "promoter"]

FROM service AS projections
COPY --from=build-projections /opt/ownstack /opt/ownstack
CMD ["ownstack", "serve", "projections"]

# The programs of stacks lie in /opt/stacks; `demo` there hands its phases to the container of the target `stacks`.
FROM service AS deployer
ENV OWNSTACK_DEPLOYER_STATE=/var/lib/ownstack/deployer OWNSTACK_DEPLOYER_PROGRAMS_IN=/opt/stacks
COPY docker/stacks /opt/stacks/demo
COPY --from=build-deployer /opt/ownstack /opt/ownstack
CMD ["ownstack", "serve", "deployer"]

# Servers to try it on: a stack is a folder there, an app on it a process.
FROM run AS stacks
COPY docker/stacks /opt/stacks/demo
COPY examples /opt/examples
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "/opt/stacks/demo/agent.py", "--check", "/run/ownstack/stacks/agent.sock"]
CMD ["python", "-I", "-S", "/opt/stacks/demo/agent.py", "/run/ownstack/stacks/agent.sock", "/opt/examples/driver/program"]

# The command line, without a service: sets up the bus, or speaks to an API. The last target, so the default one.
FROM run AS cli
COPY --chmod=755 docker/make_secret.py /usr/local/lib/ownstack/make_secret.py
COPY --from=build-cli /opt/ownstack /opt/ownstack
CMD ["ownstack", "--help"]
