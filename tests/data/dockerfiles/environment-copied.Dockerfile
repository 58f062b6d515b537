FROM python:3.13-slim
COPY .venv /venv
ADD ./venv/ /other
USER 1000
ENV PORT=8000
CMD ["/venv/bin/gunicorn", "app:app"]
