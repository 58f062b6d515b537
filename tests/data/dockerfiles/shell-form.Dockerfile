FROM python:3.13-slim
USER 1000
CMD gunicorn --bind 0.0.0.0:8000 app:app
