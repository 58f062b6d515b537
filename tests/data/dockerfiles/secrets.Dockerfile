ARG NPM_TOKEN
ARG DB_PASSWORD=hunter2
FROM python:3.13-slim
ENV SECRET_KEY="s3cr3t" \
    API_TOKEN=abc \
    TOKEN_URL=https://login.example.net
COPY .env keys/server.key private-key.pem /app/
USER 1000
ENV PORT=8000
CMD ["gunicorn", "app:app"]
