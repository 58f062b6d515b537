FROM python:3.13-slim
USER 1000
EXPOSE 5000
CMD ["gunicorn", "-b0.0.0.0:5000", "app:app"]
