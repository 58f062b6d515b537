FROM python:3.13-slim
USER 1000
EXPOSE 80
CMD ["python", "-m", "uvicorn", "app:app", "--host=0.0.0.0", "--port=8000"]
