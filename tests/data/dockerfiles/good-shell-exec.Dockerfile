FROM registry.example.com:5000/team/python@sha256:0f1e2d
ENV PORT=8000 GRACE=30 KEY_VAULT_URL=https://kv.example.net SECRET_KEY_FILE=/run/secrets/key
RUN apk add --no-cache --virtual .build-deps gcc musl-dev \
    && pip install --no-cache-dir ./dist/app.whl \
    && apk del .build-deps
USER 1000
CMD exec gunicorn --bind "0.0.0.0:${PORT:-80}" --graceful-timeout=$GRACE app:app
