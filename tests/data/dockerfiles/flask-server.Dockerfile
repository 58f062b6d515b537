FROM python:3.13-slim
USER 1000
ENV FLASK_RUN_PORT=8000 FLASK_APP=app
CMD ["flask", "run"]
