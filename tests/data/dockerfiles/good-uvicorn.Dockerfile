ARG PYTHON=3.12-slim
FROM python:${PYTHON} AS base
ENV PIP_NO_CACHE_DIR=1

FROM base AS build
# Tools of the build stay in it.
RUN apt-get update && apt-get install -y --no-install-recommends build-essential libpq-dev
COPY requirements.txt .
RUN --mount=type=secret,id=index pip install --prefix=/packages -r requirements.txt

FROM base
RUN <<SCRIPT
set -eu
apt-get update
apt-get install -y --no-install-recommends libpq5
rm -rf /var/lib/apt/lists/*
SCRIPT
COPY --from=build /packages /usr/local
COPY --chown=app . /app
RUN useradd --uid 10001 app
USER app
EXPOSE 8000/tcp
ENTRYPOINT ["uvicorn", "--host", "0.0.0.0"]
CMD ["app:app", "--port", "8000"]
